const ask = () => window.prompt('Copy this address:', location.href);
if (navigator.clipboard) { navigator.clipboard.writeText(location.href).catch(ask) } else { ask() }
