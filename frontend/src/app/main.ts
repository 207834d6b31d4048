import "htmx.org";
import "./style/app.css";
import { enableConfirmation } from "./confirm";
import { enableCopyButtons } from "./copy";
import { enableDismissal, enableToggles } from "./disclosure";
import { defineLocalTime } from "./local-time";

defineLocalTime();
enableConfirmation();
enableCopyButtons();
enableDismissal();
enableToggles();
