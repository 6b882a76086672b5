import { useMantineColorScheme } from "@mantine/core";

import { SCHEMES } from "./scheme";
import classes from "./SchemeSwitch.module.css";

/** Light, dark or the system's, where there is no menu: outside the console, and in the profile. */
export function SchemeSwitch() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <fieldset className={classes.set}>
      <legend className="visually-hidden">Theme</legend>
      {SCHEMES.map(({ value, label }) => (
        <label key={value} className={classes.choice}>
          <input
            type="radio"
            name="scheme"
            className="visually-hidden"
            checked={colorScheme === value}
            onChange={() => setColorScheme(value)}
          />
          {value === "auto" ? "System" : label}
        </label>
      ))}
    </fieldset>
  );
}
