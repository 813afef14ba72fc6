// The parameters of the chosen rule, copied from the catalog's templates; a composite rule has members with their own.
import { make } from "../elements.js";
import { numberOf } from "../inputs.js";
import { readInputs, startFormula } from "./formula.js";

let copies = 0;

function template(ruleType) {
  return document.querySelector(`template[data-rule="${CSS.escape(ruleType)}"]`);
}

// Fills `place` with the fields of a rule; `path` is the path of its params in the request, as errors name it.
function fill(place, ruleType, params, path) {
  const source = template(ruleType);
  place.replaceChildren(source ? source.content.cloneNode(true) : "");
  place.dataset.rule = ruleType;
  for (const input of place.querySelectorAll("[data-param]")) {
    const name = input.dataset.param;
    const field = input.closest(".field");
    input.id = `p-${++copies}`;
    input.dataset.path = `${path}.${name}`;
    field.querySelector("label").htmlFor = input.id;
    field.querySelector(".fault").dataset.fault = input.dataset.path;
    field.querySelector(".fault").id = `e-${input.id}`;
    input.setAttribute("aria-describedby", `e-${input.id}`);
    if (name in params) input.value = params[name];
  }
  const formula = place.querySelector("[data-formula]");
  if (formula) startFormula(formula, params);
  const members = place.querySelector("[data-members]");
  if (members) fillMembers(members, params[members.dataset.members] ?? JSON.parse(members.dataset.default), path);
}

function fillMembers(members, values, path) {
  members.querySelector(".fault").dataset.fault = `${path}.${members.dataset.members}`;
  members.dataset.path = `${path}.${members.dataset.members}`;
  members.querySelector("[data-member-list]").replaceChildren();
  for (const member of values) addMember(members, member);
  countMembers(members);
}

function ruleSelect(chosen, ariaLabel) {
  const single = [...document.querySelectorAll("template[data-rule]")].filter(
    (each) => !each.content.querySelector("[data-members], [data-formula]"),
  );
  const options = single.map(
    ({ dataset: { rule, title } }) => new Option(`${rule} · ${title}`, rule, false, rule === chosen),
  );
  return make("select", { className: "form-select w-auto flex-grow-1", ariaLabel }, ...options);
}

function addMember(members, { rule_type: ruleType, params }) {
  const list = members.querySelector("[data-member-list]");
  const path = `${members.dataset.path}[${list.children.length}]`;
  const select = ruleSelect(ruleType, `Rule of member ${list.children.length + 1}`);
  select.dataset.path = `${path}.rule_type`;
  const remove = make("button", { type: "button", className: "btn btn-quiet btn-sm" }, "Remove");
  remove.dataset.removeMember = "";
  const place = make("div");
  place.dataset.memberParams = "";
  list.append(
    make("fieldset", { className: "member" }, make("div", { className: "row-gap mb-2" }, select, remove), place),
  );
  fill(place, ruleType, params ?? {}, `${path}.params`);
}

function valuesOf(members) {
  return [...members.querySelectorAll(".member")].map((member) => ({
    rule_type: member.querySelector("select").value,
    params: readFlat(member.querySelector("[data-member-params]")),
  }));
}

function countMembers(members) {
  const count = members.querySelectorAll(".member").length;
  members.querySelector("[data-add-member]").disabled = count >= Number(members.dataset.maximum);
  for (const button of members.querySelectorAll("[data-remove-member]"))
    button.disabled = count <= Number(members.dataset.minimum);
}

function readFlat(place) {
  const params = {};
  for (const input of place.querySelectorAll("[data-param]")) {
    const value = input.type === "number" ? numberOf(input) : input.value;
    if (value !== null) params[input.dataset.param] = value;
  }
  return params;
}

export function readParams(place) {
  const members = place.querySelector("[data-members]");
  if (!members) return { ...readFlat(place), ...readInputs(place) };
  const inputs = [...place.querySelectorAll("[data-param]")].filter((input) => !members.contains(input));
  const params = Object.fromEntries(inputs.map((input) => [input.dataset.param, input.value]));
  return { ...params, [members.dataset.members]: valuesOf(members) };
}

export function showParams(form, params) {
  const place = form.querySelector("#rule-params");
  fill(place, form.elements.rule_type.value, params, "params");
  if (place.dataset.bound) return;
  place.dataset.bound = "yes";
  place.addEventListener("click", onClick);
  place.addEventListener("change", onChange);
}

function onClick(event) {
  const members = event.target.closest("[data-members]");
  if (!members) return;
  if (event.target.closest("[data-add-member]")) addMember(members, { rule_type: "MA_CROSS", params: {} });
  const removed = event.target.closest("[data-remove-member]")?.closest(".member");
  if (removed) {
    removed.remove();
    fillMembers(members, valuesOf(members), members.dataset.path.replace(/\.[^.]+$/, ""));
  }
  countMembers(members);
}

function onChange(event) {
  const member = event.target.closest(".member");
  if (!member || event.target.parentElement?.parentElement !== member) return;
  fill(
    member.querySelector("[data-member-params]"),
    event.target.value,
    {},
    event.target.dataset.path.replace(/rule_type$/, "params"),
  );
}
