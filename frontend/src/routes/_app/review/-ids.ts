/** The element of a row of the queue, to which the focus goes. */
export const rowId = (id: string) => `queue-${id}`;
