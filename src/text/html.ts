const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Text of whoever wrote the Cortex: it is shown, and does nothing. What would turn the text around is shown as its number. */
export function escapeHtml(text: string): string {
  return text
    .replace(/[&<>"']/g, (char) => ENTITIES[char])
    .replace(/[\p{Cc}\p{Bidi_Control}\u2028\u2029\p{Cs}]/gu, (char) =>
      char === '\n' ? char : `\\u${(char.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`,
    )
}
