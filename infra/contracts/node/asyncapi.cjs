// Prints what @asyncapi/parser finds in the document named on the command line, as JSON.
const { readFileSync } = require("node:fs");
const { Parser } = require("@asyncapi/parser");

(async () => {
  const parser = new Parser();
  const { document, diagnostics } = await parser.parse(readFileSync(process.argv[2], "utf8"));
  const findings = diagnostics.map(({ code, path, message, severity }) => ({ code, path, message, severity }));
  process.stdout.write(JSON.stringify({ parsed: document !== undefined, findings }));
})();
