/** What went wrong, as the API says it (RFC 9457), and the error that carries it. */

export interface FieldError {
  loc?: string;
  message: string;
  line?: number;
  column?: number;
}

export interface Problem {
  title: string;
  status: number;
  code: string;
  detail: string;
  advice?: string | null;
  request_id?: string | null;
  errors: FieldError[];
}

export class ApiError extends Error {
  readonly problem: Problem;
  /** Of a Retry-After header, in seconds. */
  readonly retryAfter: number | null;

  constructor(problem: Problem, retryAfter: number | null = null) {
    super(problem.detail || problem.title);
    this.name = "ApiError";
    this.problem = problem;
    this.retryAfter = retryAfter;
  }

  get code(): string {
    return this.problem.code;
  }

  get status(): number {
    return this.problem.status;
  }
}

/** The person closed the sign-in dialog: the request was not sent again. */
export class SignInDeclined extends ApiError {
  constructor() {
    super({
      title: "Not signed in",
      status: 401,
      code: "unauthenticated",
      detail: "Your session has ended, and nothing was sent.",
      advice: "What you typed is kept. Sign in and try again.",
      errors: [],
    });
  }
}

export function unreachable(): ApiError {
  return new ApiError({
    title: "No answer",
    status: 0,
    code: "network",
    detail: "The site does not answer.",
    advice: "Check your connection, and that the site is up. Nothing you typed is lost.",
    errors: [],
  });
}

const MISSING_PART = "A part of this page could not be fetched.";

/** Whether the browser could not fetch one of the console's own files: the site is down, or was
    renewed since and its files have other names now. */
export function isMissingPart(error: unknown): boolean {
  return error instanceof Error && error.message === MISSING_PART;
}

// Told apart here, by words of our own: under the browser's, the router would load the whole page
// anew at once, and whoever reads it would have the browser's own error page in its place.
window.addEventListener("vite:preloadError", ({ payload }) => {
  payload.message = MISSING_PART;
});

/** The problem an answer carries; a readable one where it carries none. */
export function problemOf(body: unknown, response: Response): ApiError {
  const sent = (typeof body === "object" && body !== null ? body : {}) as Partial<Problem>;
  const wait = Number(response.headers.get("retry-after"));
  return new ApiError(
    {
      title: sent.title ?? "The request failed",
      status: response.status,
      code: sent.code ?? "internal",
      detail: sent.detail ?? `The site answered ${response.status} ${response.statusText}.`.trim(),
      advice: sent.advice ?? null,
      request_id: sent.request_id ?? response.headers.get("x-request-id"),
      errors: Array.isArray(sent.errors) ? sent.errors : [],
    },
    wait > 0 ? wait : null,
  );
}

/** Anything thrown, as an ApiError. */
export function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (isMissingPart(error)) {
    return new ApiError({
      title: "No answer",
      status: 0,
      code: "network",
      detail: MISSING_PART,
      advice:
        "Check your connection, and that the site is up. Trying again loads the page anew; " +
        "what you typed is kept.",
      errors: [],
    });
  }
  return new ApiError({
    title: "Something went wrong in this page",
    status: 0,
    code: "console",
    detail: error instanceof Error ? error.message : String(error),
    advice: "Reload the page. What you typed is kept.",
    errors: [],
  });
}

/** The message for one field of a form: `loc` is `body.name`, `body.table.columns.0.type`, ... */
export function fieldError(error: ApiError | null | undefined, field: string): string | undefined {
  return error?.problem.errors.find((entry) => entry.loc === `body.${field}`)?.message;
}
