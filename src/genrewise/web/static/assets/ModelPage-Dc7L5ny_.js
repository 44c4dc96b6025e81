import{E as e,C as c,c as t}from"./index-C0IzTe5v.js";const o={},n={tabindex:"-1"};function r(s,a){return c(),t("h1",n,"…")}const d=e(o,[["render",r]]);export{d as default};
