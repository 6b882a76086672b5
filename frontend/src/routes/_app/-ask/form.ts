/** What the form holds, and the question it makes. */

import type { Schemas } from "@/api/client";

export type Dataset = Schemas["Dataset"];
export type Bounds = Schemas["UnitBounds"];
export type Target = Schemas["QueryAsk"]["target"];
export type Price = Schemas["Price"];
export type Kind = Target["kind"];

export interface PrivacyForm {
  kind: Kind;
  /** Each way keeps its own figure, so that looking at another loses nothing. */
  epsilon: number;
  rho: number;
  within: number;
  confidence: number;
}

export interface AskForm extends PrivacyForm {
  sql: string;
  purpose: string;
  review: boolean;
  /** Null: the dataset's own. */
  bounds: Bounds | null;
  /** The saved query that this came from. */
  saved: string | null;
}

export const EMPTY: AskForm = {
  sql: "",
  kind: "epsilon",
  epsilon: 0.1,
  rho: 0.005,
  within: 50,
  confidence: 0.95,
  purpose: "",
  review: false,
  bounds: null,
  saved: null,
};

export function targetOf(form: PrivacyForm): Target {
  switch (form.kind) {
    case "epsilon":
      return { kind: "epsilon", epsilon: form.epsilon };
    case "rho":
      return { kind: "rho", rho: form.rho };
    case "accuracy":
      return { kind: "accuracy", within: form.within, confidence: form.confidence };
  }
}

/** The part of a form that a target sets. */
export function fromTarget(target: Target): Partial<PrivacyForm> {
  switch (target.kind) {
    case "epsilon":
      return { kind: "epsilon", epsilon: target.epsilon };
    case "rho":
      return { kind: "rho", rho: target.rho };
    case "accuracy":
      return { kind: "accuracy", within: target.within, confidence: target.confidence };
  }
}

/** "ε = 0.1", "within ± 50 at 95 %". */
export function targetWords(target: Target): string {
  switch (target.kind) {
    case "epsilon":
      return `ε = ${target.epsilon}`;
    case "rho":
      return `ρ = ${target.rho}`;
    case "accuracy":
      return `within ± ${target.within} at ${Math.round(target.confidence * 1000) / 10} %`;
  }
}

export function questionOf(dataset: Dataset, form: AskForm) {
  return {
    dataset: dataset.id,
    sql: form.sql,
    target: targetOf(form),
    bounds: form.bounds,
  };
}
