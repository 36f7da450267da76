// Shows /openapi.json with the Vietnamese summary before the English one.
"use strict";

fetch("/openapi.json")
  .then((answer) => {
    if (!answer.ok) throw new Error(`/openapi.json: ${answer.status}`);
    return answer.json();
  })
  .then((spec) => {
    for (const operations of Object.values(spec.paths)) {
      for (const operation of Object.values(operations)) {
        const vi = operation["x-summary-vi"];
        if (vi) operation.summary = `${vi} · ${operation.summary}`;
      }
    }
    // Nothing is sent from here: a token is signed with a key that no browser should hold.
    window.SwaggerUIBundle({
      spec,
      dom_id: "#page",
      deepLinking: true,
      defaultModelsExpandDepth: 0,
      docExpansion: "list",
      filter: true,
      supportedSubmitMethods: [],
      validatorUrl: null,
    });
  })
  .catch((error) => {
    document.getElementById("page").textContent = String(error);
  });
