/** What the site told this person, and reading it. */

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { rawFetch } from "@/api/client";

export interface Notification {
  id: string;
  kind: string;
  title: string;
  body: string;
  link: string;
  at: string;
  read_at: string | null;
}

const KEY = ["notifications"];

async function fetchSome(query: string, signal: AbortSignal): Promise<Notification[]> {
  const response = await rawFetch(`/api/v1/notifications?${query}`, { signal });
  return ((await response.json()) as { items: Notification[] }).items;
}

/** At most a hundred: nobody counts further. */
export function useUnread() {
  return useQuery({
    queryKey: [...KEY, "unread"],
    queryFn: ({ signal }) => fetchSome("unread=true&limit=100", signal),
    refetchInterval: 60_000,
  });
}

export function useRecent() {
  return useQuery({
    queryKey: [...KEY, "recent"],
    queryFn: ({ signal }) => fetchSome("limit=12", signal),
  });
}

/** Marks one as read, or all of them. */
export function useMarkRead() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string | "all") =>
      rawFetch(
        id === "all" ? "/api/v1/notifications/read" : `/api/v1/notifications/${id}/read`,
        { method: "POST" },
      ),
    onSettled: () => client.invalidateQueries({ queryKey: KEY }),
  });
}
