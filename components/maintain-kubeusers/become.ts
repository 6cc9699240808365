export interface BecomeOptions {
  readonly tool: string;
}
export function becomeTool(_: BecomeOptions): Promise<number> {
  return Promise.resolve(1);
}
