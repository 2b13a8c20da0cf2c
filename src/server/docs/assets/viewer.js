// Shows the API's description at /docs. Nothing is asked of another host.
/* global SwaggerUIBundle */
const token = document.querySelector('meta[name="development-token"]').content;

const viewer = SwaggerUIBundle({
  dom_id: '#viewer',
  url: '/docs/openapi.json',
  // Else the document would be sent to a service that checks it.
  validatorUrl: null,
  deepLinking: true,
  displayRequestDuration: true,
  tryItOutEnabled: true,
  onComplete() {
    if (token !== '') viewer.preauthorizeApiKey('bearer', token);
  },
});
