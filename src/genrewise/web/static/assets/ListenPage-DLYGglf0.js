import{E as e,C as t,c}from"./index-C0IzTe5v.js";const n={},o={tabindex:"-1"};function s(r,a){return t(),c("h1",o,"…")}const f=e(n,[["render",s]]);export{f as default};
