/**
 * The nonce of this page's Content-Security-Policy. Mantine writes <style> elements (its colours,
 * responsive properties), and so does CodeMirror (`EditorView.cspNonce.of(nonce)`): with it they
 * need no 'unsafe-inline'.
 */
export const nonce =
  document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce ?? "";

// Where react-remove-scroll, inside Mantine's dialogs, looks for it.
Object.assign(globalThis, { __webpack_nonce__: nonce });
