// Runs the npm SDK in node: reads one call a line from stdin, writes one answer a line to stdout.
// The SDK is made for browsers; what it asks of one at least is put in place here.
const { readFileSync } = require("node:fs");
const readline = require("node:readline");
const vm = require("node:vm");

const stored = new Map();
globalThis.window = {
  addEventListener() {},
  removeEventListener() {},
  location: { origin: process.argv[2] },
  open: () => null,
  localStorage: {
    getItem: (key) => stored.get(key) ?? null,
    setItem: (key, value) => stored.set(key, value),
    removeItem: (key) => stored.delete(key),
  },
  document: {
    readyState: "complete",
    body: { style: {}, appendChild() {} },
    createElement: () => ({ style: {} }),
    querySelector: () => null,
  },
};
globalThis.document = window.document;

const events = [];

const functions = {
  /** Load one of the package's two entry points and point it at the server. */
  load(file, way, environments) {
    const sdk = require(file);
    if (way === "singleton") {
      globalThis.paragon = sdk.paragon;
      paragon.configureGlobal({ host: "heapline.example" }, environments);
    } else {
      globalThis.paragon = new sdk.default(environments);
    }
    for (const name of ["onIntegrationInstall", "onIntegrationUninstall"]) {
      paragon.subscribe(name, () => events.push(name));
    }
  },

  events: () => events,

  /** Run a script as a page would, and return what its requests answered. */
  async script(file) {
    const answers = [];
    const request = paragon.request.bind(paragon);
    paragon.request = (...given) => {
      answers.push(request(...given));
      return answers.at(-1);
    };
    vm.runInThisContext(readFileSync(file, "utf-8"), file);
    delete paragon.request;
    return Promise.all(answers);
  },

  /** Connect an account by keys without any page, as a product with a portal of its own does. */
  install(type, accountType, values, options) {
    paragon.setHeadless(true);
    const { installFlow } = paragon;
    return new Promise((resolve, reject) => {
      installFlow.start(type, {
        ...options,
        onNext({ stage }) {
          if (stage === "accountType") {
            installFlow.setAccountType(accountType);
          } else if (stage === "preOptions") {
            installFlow.setPreOptions(values);
          }
        },
        onComplete: resolve,
        onError: reject,
      });
    });
  },
};

async function answer(line) {
  const { call, given } = JSON.parse(line);
  try {
    const value = await (functions[call] ?? paragon[call].bind(paragon))(...given);
    return { value: value ?? null };
  } catch (error) {
    return { error: { message: error.message, response: error.response ?? null } };
  }
}

readline.createInterface({ input: process.stdin }).on("line", async (line) => {
  process.stdout.write(`${JSON.stringify(await answer(line))}\n`);
});
