import classes from "./SkipLink.module.css";

export function SkipLink() {
  return (
    <a
      href="#main"
      className={classes.skip}
      onClick={(event) => {
        // Not by the address: the hash belongs to the page.
        event.preventDefault();
        document.getElementById("main")?.focus();
      }}
    >
      Skip to the page
    </a>
  );
}
