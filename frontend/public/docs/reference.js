// Shows the site's own OpenAPI document. "Try it out" acts as whoever is signed in here.
(async function () {
  let csrf = null;
  try {
    const response = await fetch("/api/v1/session");
    if (response.ok) csrf = (await response.json()).csrf_token;
  } catch {
    // Reading needs no session.
  }
  window.SwaggerUIBundle({
    url: "/api/v1/openapi.json",
    dom_id: "#reference",
    deepLinking: true,
    docExpansion: "none",
    defaultModelsExpandDepth: 0,
    filter: true,
    validatorUrl: null,
    withCredentials: true,
    requestInterceptor(request) {
      if (csrf && new URL(request.url, location.href).origin === location.origin) {
        request.headers["X-CSRF-Token"] = csrf;
      }
      return request;
    },
  });
})();
