/** Mantine's part of the theme; colours come from tokens.css, so that both themes stand there. */

import {
  createTheme,
  defaultVariantColorsResolver,
  type MantineColorsTuple,
  type VariantColorsResolver,
} from "@mantine/core";

/** The desk lamp: the one accent. */
const lamp: MantineColorsTuple = [
  "#eef5f1",
  "#dfeae3",
  "#bcd8cb",
  "#95d2b6",
  "#83c5a7",
  "#4d947a",
  "#2f7560",
  "#1f5b4a",
  "#1b5142",
  "#143c31",
];

/** For what cannot be undone. */
const brick: MantineColorsTuple = [
  "#fdf1ee",
  "#f8e1db",
  "#f2c3b9",
  "#f0a396",
  "#dd7768",
  "#c14c3e",
  "#ab382d",
  "#9b2c22",
  "#81231b",
  "#641a14",
];

/** Text on a filled button, from the tokens: Mantine would guess it from one theme's shade. */
const resolver: VariantColorsResolver = (input) => {
  const colors = defaultVariantColorsResolver(input);
  if (input.variant !== "filled") return colors;
  const ink = input.color === "brick" ? "var(--c-bad-ink)" : "var(--c-accent-ink)";
  return { ...colors, color: ink };
};

/** Mantine's greys, warmed to the paper's. */
const gray: MantineColorsTuple = [
  "#f6f2ea",
  "#eee8dc",
  "#e5ddce",
  "#ddd4c4",
  "#c9bfae",
  "#a99f8d",
  "#8c8271",
  "#5d5548",
  "#3d372d",
  "#262119",
];
const dark: MantineColorsTuple = [
  "#ece5d8",
  "#b3a998",
  "#9a907f",
  "#6d6455",
  "#4a4339",
  "#39332b",
  "#28241f",
  "#1f1c18",
  "#171512",
  "#12100e",
];

export const theme = createTheme({
  primaryColor: "lamp",
  primaryShade: { light: 7, dark: 4 },
  colors: { lamp, brick, gray, dark },
  variantColorResolver: resolver,
  defaultRadius: "sm",
  radius: { sm: "6px", md: "8px", lg: "10px" },
  fontFamily: "var(--c-font)",
  fontFamilyMonospace: "var(--c-font-mono)",
  headings: { fontFamily: "var(--c-font-serif)", fontWeight: "600" },
  cursorType: "pointer",
  respectReducedMotion: true,
  // Plain objects, not `Modal.extend(…)`: those would bring every component into the first load.
  components: {
    Button: { defaultProps: { fw: 600 } },
    ActionIcon: { defaultProps: { variant: "subtle" } },
    Modal: {
      defaultProps: {
        centered: true,
        radius: "lg",
        overlayProps: { color: "var(--c-overlay)", backgroundOpacity: 1 },
        closeButtonProps: { "aria-label": "Close" },
        transitionProps: { duration: 120 },
      },
      styles: {
        title: { fontFamily: "var(--c-font-serif)", fontWeight: 600, fontSize: "1.25rem" },
        content: { background: "var(--c-surface)" },
        header: { background: "var(--c-surface)" },
      },
    },
    // Their <header> would count as another banner of the page.
    ModalHeader: { defaultProps: { role: "presentation" } },
    DrawerHeader: { defaultProps: { role: "presentation" } },
    Drawer: { defaultProps: { overlayProps: { color: "var(--c-overlay)", backgroundOpacity: 1 } } },
    // Without its placeholder, which is no item of a menu: the first item gets the focus.
    SegmentedControl: {
      defaultProps: { withItemsBorders: false },
      styles: {
        root: { background: "var(--c-sunken)" },
        indicator: { background: "var(--c-raised)" },
      },
    },
    Menu: { defaultProps: { shadow: "md", radius: "sm", withInitialFocusPlaceholder: false } },
    Popover: { defaultProps: { shadow: "md", radius: "sm" } },
    Tooltip: {
      defaultProps: {
        openDelay: 250,
        events: { hover: true, focus: true, touch: true },
        multiline: true,
        maw: 320,
      },
    },
  },
});
