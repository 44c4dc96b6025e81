import{E as e,C as c,c as t}from"./index-C0IzTe5v.js";const n={},o={tabindex:"-1"};function a(r,s){return c(),t("h1",o,"…")}const f=e(n,[["render",a]]);export{f as default};
