import "./portal.css";
import { allowedOrigins, Host } from "./host";
import { Portal } from "./portal";
import { readUpdate } from "./update";

const host = new Host(allowedOrigins(document.body), (message) => {
  const update = readUpdate(message);
  if (update) {
    void portal.receive(update);
  }
});
const portal = new Portal(host);

if (window.parent === window) {
  document.querySelector("#not-embedded")?.removeAttribute("hidden");
}
