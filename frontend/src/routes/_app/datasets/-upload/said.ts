import { ApiError } from "@/api/problem";

/** Something that went wrong in this page and not on the site, said as the site would. */
export function said(detail: string, advice: string | null = null): ApiError {
  return new ApiError({ title: detail, status: 0, code: "console", detail, advice, errors: [] });
}
