"use client";
/** Who is signed in, as the deployment sees it; `undefined` until it has confirmed the session. */
import { useConvexAuth, useQuery } from "convex/react";
import { api } from "../../convex/_generated/api";

export function useMe() {
  const { isAuthenticated } = useConvexAuth();
  return useQuery(api.myAgent.me, isAuthenticated ? {} : "skip") ?? undefined;
}
