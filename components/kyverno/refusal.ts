const DENIED = /admission webhook "[^"]*kyverno[^"]*" denied the request/;

/** Whether an API server's message says that a policy refused; a webhook that cannot be reached "failed" instead. */
export function isPolicyRefusal(message: string): boolean {
  return DENIED.test(message);
}
