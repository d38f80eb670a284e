const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/**
 * Escapes text from the Cortex, which we do not trust, for a page. Characters that could reorder the text show as
 * numbers.
 */
export function escapeHtml(text: string): string {
  return text
    .replace(/[&<>"']/g, (char) => ENTITIES[char])
    .replace(/[\p{Cc}\p{Bidi_Control}\u2028\u2029\p{Cs}]/gu, (char) =>
      char === '\n' ? char : `\\u${(char.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`,
    )
}
