/** The console's line icons, drawn on a 24-unit grid. Decorative: the words beside them count. */

const paths = {
  home: "M4 11.5 12 5l8 6.5V19a1 1 0 0 1-1 1h-4.5v-5h-5v5H5a1 1 0 0 1-1-1z",
  table: "M4 5.5h16v13H4zM4 10h16M4 14.5h16M10 10v8.5",
  ask: "M5 5h14v11h-6l-4.5 3.5V16H5zM9 9h6M9 12h4",
  review: "M4.5 6.5 6 8l2.5-3M4.5 12.5 6 14l2.5-3M4.5 18.5 6 20l2.5-3M12 6.5h8M12 12.5h8M12 18.5h8",
  requests: "M4 13.5 6.5 5h11L20 13.5V19H4zM4 13.5h5l1 2.5h4l1-2.5h5",
  runs: "M4 12h3.5l2.5-6.5 4 13 2.5-6.5H20",
  budgets: "M5 18.5a8.5 8.5 0 1 1 14 0M12 14l3.5-4.5M12 14h.01",
  people: "M9 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6M3.5 19c.4-3 2.6-5 5.5-5s5.1 2 5.5 5M15.5 5.3a3 3 0 0 1 0 5.4M17 14.3c2 .7 3.2 2.4 3.5 4.7",
  audit: "M6 4.5h10.5a1.5 1.5 0 0 1 1.5 1.5v13.5H7.5A1.5 1.5 0 0 1 6 18zM6 18a1.5 1.5 0 0 1 1.5-1.5H18M9.5 8.5h5M9.5 11.5h5",
  settings: "M4 7h9M17 7h3M4 12h3M11 12h9M4 17h10M18 17h2M15 5v4M9 10v4M16 15v4",
  person: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8M5 20c.5-3.6 3.3-6 7-6s6.5 2.4 7 6",
  bell: "M6.5 16.5V11a5.5 5.5 0 0 1 11 0v5.5l1.5 1.5H5zM10.5 20.5h3",
  search: "M11 17a6 6 0 1 0 0-12 6 6 0 0 0 0 12M15.5 15.5 20 20",
  sun: "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8M12 3v2M12 19v2M3 12h2M19 12h2M5.6 5.6l1.4 1.4M17 17l1.4 1.4M5.6 18.4 7 17M17 7l1.4-1.4",
  moon: "M19.5 14.5A8 8 0 0 1 9.5 4.5a8 8 0 1 0 10 10z",
  system: "M4 5.5h16v10.5H4zM9 20h6M12 16v4",
  menu: "M4 7h16M4 12h16M4 17h16",
  close: "M6 6l12 12M18 6 6 18",
  check: "M5 12.5 10 17.5 19 7",
  clock: "M12 20a8 8 0 1 0 0-16 8 8 0 0 0 0 16M12 8v4.5l3 2",
  back: "M10 7 5 12l5 5M5 12h8.5a5 5 0 0 1 5 5v1",
  pause: "M9 6v12M15 6v12",
  alert: "M12 4.5 21 19.5H3zM12 10.5v4M12 17h.01",
  info: "M12 20a8 8 0 1 0 0-16 8 8 0 0 0 0 16M12 11.5V16M12 8.5h.01",
  stop: "M12 20a8 8 0 1 0 0-16 8 8 0 0 0 0 16M6.5 6.5l11 11",
  copy: "M9 9h10v10.5H9zM15 9V4.5H5V15h4",
  down: "M6 9.5 12 15.5 18 9.5",
  right: "M9.5 6 15.5 12 9.5 18",
  left: "M14.5 6 8.5 12l6 6",
  lock: "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
  download: "M12 4.5v10M7.5 10.5 12 15l4.5-4.5M5 19.5h14",
  upload: "M12 15V5M7.5 9.5 12 5l4.5 4.5M5 19.5h14",
  plus: "M12 5v14M5 12h14",
  key: "M8 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8M12 12h8.5M17 12v3.5M20 12v2.5",
  link: "M10 14l4-4M9 16.5l-1.5 1.5a3 3 0 0 1-4-4L7 10.5a3 3 0 0 1 4 0M15 7.5 16.5 6a3 3 0 0 1 4 4L17 13.5a3 3 0 0 1-4 0",
  out: "M14 4.5H5v15h9M10 12h10M16.5 8.5 20 12l-3.5 3.5",
  keyboard: "M3.5 7h17v10.5h-17zM7 10.5h.01M10.5 10.5h.01M14 10.5h.01M17.5 10.5h.01M8 14h8",
  play: "M8 5.5v13l10.5-6.5z",
  filter: "M4 6h16l-6 7v5.5l-4 1.5v-7z",
  edit: "M5 19l1-4L16 5l3 3L9 18zM14 7l3 3",
  trash: "M5 7h14M9.5 7V4.5h5V7M7 7l1 12.5h8L17 7M10.5 10.5v6M13.5 10.5v6",
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name, size = 18 }: { name: IconName; size?: number }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      strokeWidth={1.7}
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
      style={{ flex: "none" }}
    >
      <path d={paths[name]} />
    </svg>
  );
}
