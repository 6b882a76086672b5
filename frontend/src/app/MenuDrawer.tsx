import { Drawer } from "@mantine/core";

import { NavLinks } from "./Navigation";
import type { PageEntry } from "./pages";

export default function MenuDrawer({
  pages,
  onClose,
}: {
  pages: PageEntry[];
  onClose: () => void;
}) {
  return (
    <Drawer
      opened
      onClose={onClose}
      title="Menu"
      size="17rem"
      closeButtonProps={{ "aria-label": "Close the menu" }}
    >
      <nav aria-label="All pages">
        <NavLinks pages={pages} onGo={onClose} />
      </nav>
    </Drawer>
  );
}
