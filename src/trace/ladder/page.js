(function () {
  'use strict';
  const $ = (selector, root) => (root || document).querySelector(selector);
  const all = (selector, root) => Array.from((root || document).querySelectorAll(selector));
  const main = $('main'), panel = $('aside'), form = $('form');
  const rows = all('.row'), heads = all('.head');
  let shown = rows, at = null;
  document.body.classList.add('js');
  form.hidden = panel.hidden = false;

  function on(kind, value) {
    const chip = $('.chip[data-' + kind + '="' + value + '"]');
    return !chip || chip.getAttribute('aria-pressed') === 'true';
  }

  // Which rows and lifelines are shown, and where the lifelines then stand.
  function filter() {
    const call = $('#call').value, words = $('#find').value.trim().toLowerCase();
    let n = 0;
    const place = heads.map((head, i) => {
      head.hidden = !on('who', i);
      return head.hidden ? -1 : n++;
    });
    main.style.setProperty('--n', Math.max(n, 1));
    shown = rows.filter(row => {
      const a = place[row.dataset.a], b = place[row.dataset.b];
      const show = a >= 0 && b >= 0 && on('protocol', row.dataset.protocol) &&
        (!call || row.dataset.call === call) &&
        (!words || row.textContent.toLowerCase().includes(words));
      row.hidden = !show;
      if (show) {
        row.style.setProperty('--a', a);
        row.style.setProperty('--b', b);
        row.classList.toggle('left', b < a);
        row.classList.toggle('far', a + b + 1 > n);
      }
      return show;
    });
    all('.rest').forEach(rest => { rest.hidden = shown.length !== rows.length; });
    $('.none').hidden = shown.length > 0;
    $('#count').textContent = shown.length === rows.length ? '' : shown.length + ' of ' + rows.length;
    if (at && at.hidden) pick(null);
  }

  function pick(row, quiet) {
    if (at) at.classList.remove('on');
    at = row;
    document.body.classList.toggle('open', !!row);
    const old = $('article', panel);
    if (old) old.remove();
    $('.hint', panel).hidden = !!row;
    $('.bar', panel).hidden = !row;
    if (!row) return;
    row.classList.add('on');
    const copy = $('article', row).cloneNode(true);
    copy.className = row.dataset.look;
    panel.append(copy);
    panel.scrollTop = 0;
    row.scrollIntoView({ block: 'nearest' });
    if (!quiet) $('summary', row).focus({ preventScroll: true });
    history.replaceState(null, '', '#' + row.id);
  }

  function step(by) {
    if (!shown.length) return;
    const now = shown.indexOf(at);
    const next = now < 0 ? (by > 0 ? 0 : shown.length - 1) : now + by;
    if (shown[next]) pick(shown[next]);
  }

  main.addEventListener('click', event => {
    const summary = event.target.closest('.row>details>summary');
    if (!summary) return;
    event.preventDefault();
    const row = summary.closest('.row');
    pick(row === at ? null : row);
  });
  form.addEventListener('click', event => {
    const chip = event.target.closest('.chip');
    if (!chip) return;
    chip.setAttribute('aria-pressed', chip.getAttribute('aria-pressed') !== 'true');
    filter();
  });
  form.addEventListener('input', filter);
  form.addEventListener('submit', event => event.preventDefault());
  $('.bar').addEventListener('click', event => {
    const what = event.target.dataset.do;
    if (what === 'close') pick(null); else if (what) step(+what);
  });
  document.addEventListener('keydown', event => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const typing = event.target.matches('input,select');
    if (event.key === 'Escape') { if (typing) event.target.blur(); else pick(null); return; }
    if (typing) return;
    const by = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[event.key];
    if (by) { event.preventDefault(); step(by); }
    if (event.key === '/') { event.preventDefault(); $('#find').focus(); }
    if (event.key === 'Home' && shown.length) { event.preventDefault(); pick(shown[0]); }
    if (event.key === 'End' && shown.length) { event.preventDefault(); pick(shown[shown.length - 1]); }
  });

  filter();
  const named = location.hash && document.getElementById(location.hash.slice(1));
  if (named && named.classList.contains('row')) pick(named, true);
})();
