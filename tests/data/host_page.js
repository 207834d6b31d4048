// The script of a host product's page: points the npm SDK at the server and signs the user in.
const config = JSON.parse(document.getElementById("config").textContent);
const who = document.getElementById("who");

function createParagon() {
  if (config.way === "singleton") {
    const { paragon } = window.module.exports;
    paragon.configureGlobal({ host: "heapline.example" }, config.environments);
    return paragon;
  }
  const { default: ConnectSdk } = window.module.exports;
  return new ConnectSdk(config.environments);
}

async function signIn() {
  if (config.userToken) {
    await paragon.authenticate(config.projectId, config.userToken);
  }
  const user = paragon.getUser();
  return user.authenticated ? `Signed in as ${user.userId}` : "Signed out";
}

/** Run what a test asks for as the answer to a click, and keep how it ended. */
async function run(action) {
  delete document.body.dataset.ended;
  try {
    window.outcome = { value: await action() };
  } catch (error) {
    window.outcome = { error: String(error?.message ?? error) };
  }
  document.body.dataset.ended = "";
}

window.paragon = createParagon();
document.getElementById("connect").addEventListener("click", () => {
  run(() => paragon.connect("heap", config.connectOptions));
});
document.getElementById("go").addEventListener("click", () => run(window.action));
signIn().then(
  (words) => {
    who.replaceChildren(words);
    if (config.install) {
      run(() => paragon.installIntegration("heap", config.install));
    }
  },
  (error) => who.replaceChildren(`Not signed in: ${error.message}`),
);
