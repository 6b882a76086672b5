/** Private black boxes: what one costs, asking for one, and editing what was asked. */

import { api, type components } from "./client";
import { useEdited, useSentOnce } from "./code";
import { given, type RequestFull } from "./requests";

export type BlackBoxAsk = components["schemas"]["BlackBoxAsk"];
export type BlackBoxRequestCreate = components["schemas"]["BlackBoxRequestCreate"];
export type BlackBoxRequestEdit = components["schemas"]["BlackBoxRequestEdit"];

export function priceOfBlackBox(body: BlackBoxAsk, signal: AbortSignal) {
  return given<components["schemas"]["Price"]>(
    api.POST("/api/v1/black_box_prices", { body, signal }),
  );
}

export function useSendBlackBox() {
  return useSentOnce((body: BlackBoxRequestCreate, key) =>
    given<RequestFull>(
      api.POST("/api/v1/black_box_requests", {
        params: { header: { "Idempotency-Key": key } },
        body,
      }),
    ),
  );
}

export function useEditBlackBox() {
  return useEdited((id, etag, body: BlackBoxRequestEdit) =>
    given<RequestFull>(
      api.PATCH("/api/v1/black_box_requests/{request_id}", {
        params: { path: { request_id: id }, header: { "If-Match": etag } },
        body,
      }),
    ),
  );
}
