export async function initProject(_argv: readonly string[]): Promise<void> {}
