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
  published: number | null;
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
