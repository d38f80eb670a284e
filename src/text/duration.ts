/** A duration for people, in whole seconds or minutes. */
export function duration(allSeconds: number): string {
  const seconds = Math.max(0, Math.round(allSeconds))
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  return minutes < 60 ? `${minutes} min ${seconds % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}
