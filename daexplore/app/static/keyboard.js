export function render({ model, el }) {
  const role = node => node.getAttribute?.('role')
  const writes = node => node.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(node.tagName)
    || ['slider', 'tab', 'combobox', 'listbox', 'option', 'gridcell', 'radio'].includes(role(node))
  const presses = node => node.tagName === 'BUTTON' || role(node) === 'button'
  const press = event => {
    const theirs = event.composedPath().some(node => writes(node) || (event.key === ' ' && presses(node)))
    if (theirs || !model.keys.includes(event.key) || event.ctrlKey || event.altKey || event.metaKey) return
    event.preventDefault()
    model.send_msg({ key: event.key })
  }
  document.addEventListener('keydown', press)
  model.on('remove', () => document.removeEventListener('keydown', press))
}
