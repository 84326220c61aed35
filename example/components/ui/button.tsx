/** The one button of the console, in its three weights. */
import type { ComponentProps } from "react";

const WEIGHTS = {
  primary: "bg-ink text-canvas hover:opacity-85",
  secondary: "border border-line-strong bg-surface text-ink hover:bg-raised",
  quiet: "text-ink-soft hover:bg-raised hover:text-ink",
};

export function Button({
  weight = "secondary",
  className = "",
  ...props
}: ComponentProps<"button"> & { weight?: keyof typeof WEIGHTS }) {
  return (
    <button
      type="button"
      className={`inline-flex h-8 items-center justify-center gap-1.5 rounded-lg px-3 text-[13px] font-medium whitespace-nowrap transition disabled:pointer-events-none disabled:opacity-45 ${WEIGHTS[weight]} ${className}`}
      {...props}
    />
  );
}
