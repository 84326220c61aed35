"use client";
/** Keeps a scrolled list at its end while it grows, unless its reader has scrolled away to read something else. */
import { useCallback, useEffect, useRef, useState, type RefObject } from "react";

/** Closer to the end than this counts as being there: less than a line of text. */
const END_TOLERANCE_PX = 24;

export function useStickToEnd(): {
  scroller: RefObject<HTMLDivElement | null>;
  content: RefObject<HTMLOListElement | null>;
  isAtEnd: boolean;
  scrollToEnd: () => void;
} {
  const scroller = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLOListElement>(null);
  const sticks = useRef(true);
  const [isAtEnd, setAtEnd] = useState(true);

  const scrollToEnd = useCallback(() => {
    sticks.current = true;
    scroller.current?.scrollTo({ top: scroller.current.scrollHeight });
  }, []);

  useEffect(() => {
    const element = scroller.current;
    const list = content.current;
    if (element === null || list === null) return;
    const follow = () => {
      if (sticks.current) element.scrollTop = element.scrollHeight;
    };
    let lastTop = element.scrollTop;
    const notePosition = () => {
      const top = element.scrollTop;
      const distance = element.scrollHeight - top - element.clientHeight;
      // Away from the end alone says nothing: the list may have grown since this event's scroll. Only going up does.
      if (distance <= END_TOLERANCE_PX) sticks.current = true;
      else if (top < lastTop) sticks.current = false;
      lastTop = top;
      setAtEnd(sticks.current);
    };
    follow();
    const observer = new ResizeObserver(follow);
    observer.observe(list);
    observer.observe(element);
    element.addEventListener("scroll", notePosition, { passive: true });
    return () => {
      observer.disconnect();
      element.removeEventListener("scroll", notePosition);
    };
  }, []);

  return { scroller, content, isAtEnd, scrollToEnd };
}
