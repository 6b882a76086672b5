import { useQueryClient } from "@tanstack/react-query";
import { useRef } from "react";

import { api, randomId, unwrap, type Schemas } from "@/api/client";
import { asApiError } from "@/api/problem";
import { useSubmit } from "@/hooks/useSubmit";
import { questionOf, type AskForm, type Dataset } from "./form";

type Request = Schemas["Request"];

/**
 * Asks, with one Idempotency-Key until the site has answered: after a lost connection the same
 * question is sent under the same key, and is asked and charged once.
 */
export function useAsk(onAsked: (request: Request) => void) {
  const client = useQueryClient();
  const sent = useRef({ key: "", body: "" });
  return useSubmit(async (dataset: Dataset, form: AskForm) => {
    const body = {
      ...questionOf(dataset, form),
      kind: "query" as const,
      purpose: form.purpose.trim(),
      review: form.review,
    };
    const written = JSON.stringify(body);
    if (sent.current.body !== written) sent.current = { key: randomId(), body: written };
    try {
      const request = await unwrap(
        api.POST("/api/v1/requests", {
          params: { header: { "Idempotency-Key": sent.current.key } },
          body,
        }),
      );
      sent.current = { key: "", body: "" };
      client.setQueryData(["request", request.id], request);
      if (request.run) client.setQueryData(["run", request.run.id], request.run);
      for (const key of ["requests", "runs", "budgets", "home", "price"]) {
        void client.invalidateQueries({ queryKey: [key] });
      }
      onAsked(request);
    } catch (cause) {
      const { status, code } = asApiError(cause);
      const unanswered = status === 0 || status >= 500 || status === 401;
      if (!unanswered) sent.current = { key: "", body: "" };
      // Somebody changed what holds here: read it again, and the page says what to do.
      if (code === "terms_not_accepted" || code === "dataset_not_ready") {
        await client.invalidateQueries({ queryKey: ["dataset"] });
      }
      if (code === "budget_exceeded") {
        void client.invalidateQueries({ queryKey: ["budgets"] });
        void client.invalidateQueries({ queryKey: ["price"] });
      }
      throw cause;
    }
  });
}
