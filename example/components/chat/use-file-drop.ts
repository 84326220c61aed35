"use client";
/** Takes files that are dropped anywhere on an element, and says while some are held over it. */
import { useRef, useState, type DragEvent } from "react";

export function useFileDrop(onDrop: (files: FileList) => void) {
  const [isOver, setOver] = useState(false);
  // Every child that is entered and left reports so too; what is left over says whether it is still above the element.
  const depth = useRef(0);
  const hasFiles = (event: DragEvent) => event.dataTransfer.types.includes("Files");
  const leaveAll = () => {
    depth.current = 0;
    setOver(false);
  };
  const handlers = {
    onDragEnter: (event: DragEvent) => {
      if (!hasFiles(event)) return;
      depth.current += 1;
      setOver(true);
    },
    onDragLeave: (event: DragEvent) => {
      if (!hasFiles(event)) return;
      depth.current -= 1;
      if (depth.current <= 0) leaveAll();
    },
    onDragOver: (event: DragEvent) => {
      // Without it the browser would open the file in place of the page.
      if (hasFiles(event)) event.preventDefault();
    },
    onDrop: (event: DragEvent) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      leaveAll();
      onDrop(event.dataTransfer.files);
    },
  };
  return { isOver, handlers };
}
