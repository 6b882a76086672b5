import {
  forwardRef,
  Suspense,
  useState,
  type ComponentPropsWithoutRef,
  type ComponentType,
  type LazyExoticComponent,
  type ReactElement,
  type ReactNode,
} from "react";

import classes from "./Shell.module.css";

export interface LazyMenuProps {
  opened: boolean;
  setOpened: (opened: boolean) => void;
  /** The button, for the menu to stand beside. */
  target: ReactElement;
}

interface Props {
  label: string;
  popup: "menu" | "dialog";
  Menu: LazyExoticComponent<ComponentType<LazyMenuProps>>;
  children: ReactNode;
}

/** A button in the header; what places its menu on the page is fetched when it is first used. */
export function LazyMenu({ label, popup, Menu, children }: Props) {
  const [opened, setOpened] = useState(false);
  const [used, setUsed] = useState(false);
  const target = (
    <HeaderButton
      aria-haspopup={popup}
      aria-expanded={opened}
      onClick={() => {
        setUsed(true);
        setOpened((before) => !before);
      }}
    >
      <span className="visually-hidden">{label}</span>
      {children}
    </HeaderButton>
  );
  if (!used) return target;
  return (
    <Suspense fallback={target}>
      <Menu opened={opened} setOpened={setOpened} target={target} />
    </Suspense>
  );
}

const HeaderButton = forwardRef<HTMLButtonElement, ComponentPropsWithoutRef<"button">>(
  function HeaderButton({ children, ...props }, ref) {
    return (
      <button ref={ref} {...props} type="button" className={classes.icon}>
        {children}
      </button>
    );
  },
);
