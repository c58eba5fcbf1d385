/** Reading what the server wrote into the page, and calling it back. */

import { gettext } from "./words";

/** The JSON of a `json_script` element. */
export function pageData<T>(id: string): T {
  const element = document.getElementById(id);
  if (element?.textContent == null) throw new Error(`the page lacks its data ${id}`);
  return JSON.parse(element.textContent) as T;
}

/** An element that the template promises. */
export function required<E extends Element>(selector: string, root: ParentNode = document): E {
  const element = root.querySelector<E>(selector);
  if (element === null) throw new Error(`the page lacks ${selector}`);
  return element;
}

/** Django's CSRF token, from the form field that every page carries. */
export function csrfToken(): string {
  return required<HTMLInputElement>("input[name=csrfmiddlewaretoken]").value;
}

/** Call our API; answers other than success become an Error with the server's sentence. */
export async function api<T>(path: string, init: RequestInit = {}): Promise<T> {
  const headers = new Headers(init.headers);
  headers.set("X-CSRFToken", csrfToken());
  if (typeof init.body === "string") headers.set("Content-Type", "application/json");
  const response = await fetch(path, { ...init, headers, credentials: "same-origin" });
  if (!response.ok) throw new ApiError(response.status, await sentenceOf(response));
  return (await response.json()) as T;
}

/** A refusal by the server. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

async function sentenceOf(response: Response): Promise<string> {
  try {
    const body: unknown = await response.json();
    if (body !== null && typeof body === "object") return flatten(body).join(" ");
  } catch {
    // Not JSON: an error page of a proxy.
  }
  return gettext("The server answered {status}; try again in a moment.", { status: response.status });
}

function flatten(value: unknown): string[] {
  if (typeof value === "string") return [value];
  if (Array.isArray(value)) return value.flatMap(flatten);
  if (value !== null && typeof value === "object") return Object.values(value).flatMap(flatten);
  return [];
}
