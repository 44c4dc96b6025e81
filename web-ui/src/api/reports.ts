/** Reports of runs that the server was given. */

import { getJson, Problem } from "./http";
import type { Report } from "./types";

export interface ReportLine {
  name: string;
  protocol: string;
  title: string;
  unit: string;
  accuracy: number;
  interval: [number, number];
  n: number;
  /** The published figure, its name and ours of the same name; accuracy where none is. */
  published: number | null;
  figure?: string | null;
  ours?: number | null;
  /** Of the data set. */
  data?: string | null;
}

/** All reports; none where the server has no such thing. */
export async function listReports(): Promise<ReportLine[]> {
  try {
    return await getJson<ReportLine[]>("/reports");
  } catch (error) {
    if (error instanceof Problem) return [];
    throw error;
  }
}

export function getReport(name: string, protocol: string): Promise<Report> {
  return getJson(`/reports/${encodeURIComponent(name)}/${encodeURIComponent(protocol)}`);
}
