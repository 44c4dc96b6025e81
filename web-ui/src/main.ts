import { createApp } from "vue";
import App from "./App.vue";
import { watch } from "./api/connection";
import { restore } from "./jobs/jobs";
import { router } from "./router";
import "./lib/theme";
import "./styles/base.css";

restore();
watch();
createApp(App).use(router).mount("#app");
