import { PasswordInput, type PasswordInputProps } from "@mantine/core";

export const PASSWORD_MIN = 12;

/** A new password, with its one rule beside it. */
export function NewPasswordField(props: PasswordInputProps) {
  return (
    <PasswordInput
      label="Password"
      description={`At least ${PASSWORD_MIN} characters. A few unrelated words make a good one.`}
      autoComplete="new-password"
      minLength={PASSWORD_MIN}
      required
      withAsterisk={false}
      visibilityToggleButtonProps={{ "aria-label": "Show the password" }}
      {...props}
    />
  );
}
