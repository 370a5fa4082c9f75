/**
 * Has the browser keep the page for visits without a connection. Gives whether it does: private windows, full disks
 * and plain http refuse, and the page works as before.
 */
export async function keepForOffline(): Promise<boolean> {
  if (!import.meta.env.PROD || !('serviceWorker' in navigator)) return false;
  try {
    const registration = await navigator.serviceWorker.register('./service-worker.js');
    await navigator.serviceWorker.ready;
    // Browsers look for a new build when they like; without a connection there is nothing to find.
    registration.update().catch(() => undefined);
    return true;
  } catch {
    return false;
  }
}
