import { useQueryClient } from "@tanstack/react-query";

/** Everything shown about a person, read again. */
export function useChanged(id: string): () => Promise<void> {
  const client = useQueryClient();
  return async () => {
    await Promise.all(
      [["person", id], ["people"], ["groups"], ["session"]].map((queryKey) =>
        client.invalidateQueries({ queryKey }),
      ),
    );
  };
}
