"""How the page looks: one style sheet, light and dark, from a phone's width up."""

CSS = """
:root { --bg:#f4f6f5; --card:#ffffff; --ink:#14211d; --soft:#5d6f69; --line:#dfe6e3; --accent:#0f766e;
  --note:#64748b; --conversation:#0f766e; --ratchet:#7c3aed; --warn:#b45309; --bad:#b91c1c; --shade:#eef3f1; }
body.body--dark { --bg:#0d1412; --card:#15201d; --ink:#e6efec; --soft:#93a8a1; --line:#263430; --accent:#2dd4bf;
  --note:#94a3b8; --conversation:#2dd4bf; --ratchet:#a78bfa; --warn:#fbbf24; --bad:#f87171; --shade:#1b2925; }
body { background:var(--bg); color:var(--ink); font-family:system-ui,"Segoe UI",Roboto,"DejaVu Sans",sans-serif; }
.nicegui-content { padding:0; gap:0; display:block; }
.sc-top { display:flex; align-items:center; gap:12px; padding:14px 20px; flex-wrap:wrap;
  background:linear-gradient(100deg,#0b3d38,#0f766e 70%,#14907f); color:#fff; }
.sc-name { font-size:1.25rem; font-weight:650; overflow-wrap:anywhere; }
.sc-grow { flex:1; }
.sc-pill { display:inline-flex; align-items:center; gap:6px; border-radius:99px; padding:3px 11px; font-size:.8rem;
  background:#ffffff22; color:#fff; white-space:nowrap; }
.sc-page { max-width:1280px; margin:0 auto; padding:16px; display:grid; gap:16px;
  grid-template-columns:minmax(0,1fr) 340px; }
.sc-main, .sc-side { display:grid; gap:16px; align-content:start; min-width:0; }
.sc-main > .sc-main:empty { display:none; }
.sc-card { background:var(--card); border:1px solid var(--line); border-radius:14px; padding:14px 16px; min-width:0; }
.sc-title { font-size:.76rem; font-weight:650; letter-spacing:.06em; text-transform:uppercase; color:var(--soft);
  margin-bottom:8px; }
.sc-stats { display:grid; grid-template-columns:repeat(4,minmax(0,1fr)); gap:12px; }
.sc-big { font-size:1.55rem; font-weight:650; line-height:1.2; overflow-wrap:anywhere; }
.sc-soft { color:var(--soft); font-size:.82rem; overflow-wrap:anywhere; }
.sc-plots { display:grid; grid-template-columns:repeat(auto-fill,minmax(min(100%,340px),1fr)); gap:16px; }
.sc-plot { height:220px; width:100%; }
.sc-row { display:flex; gap:10px; align-items:baseline; padding:7px 0; border-top:1px solid var(--line); min-width:0; }
.sc-row:first-child { border-top:0; }
.sc-dot { width:9px; height:9px; border-radius:50%; flex:none; align-self:center; background:var(--soft); }
.sc-awake { background:#16a34a; box-shadow:0 0 0 3px #16a34a33; } .sc-asleep { background:#3b82f6; }
.sc-bad { background:var(--bad); }
.sc-who { font-weight:600; overflow-wrap:anywhere; min-width:0; }
.sc-text { flex:1; min-width:0; overflow-wrap:anywhere; font-family:ui-monospace,"DejaVu Sans Mono",monospace;
  font-size:.86rem; }
.sc-badge { border-radius:6px; padding:1px 7px; font-size:.72rem; font-weight:600; white-space:nowrap; flex:none;
  border:1px solid currentColor; }
.sc-note { color:var(--note); } .sc-conversation { color:var(--conversation); } .sc-ratchet { color:var(--ratchet); }
.sc-warn { color:var(--warn); }
.sc-when { color:var(--soft); font-size:.76rem; white-space:nowrap; flex:none; font-variant-numeric:tabular-nums; }
.sc-list { max-height:460px; overflow-y:auto; }
.sc-msg { display:grid; grid-template-columns:auto minmax(0,1fr) auto; column-gap:10px; row-gap:2px; padding:8px 0;
  border-top:1px solid var(--line); align-items:baseline; }
.sc-msg:first-child { border-top:0; }
.sc-msg .sc-text { grid-column:1 / -1; }
.sc-tags { display:flex; gap:6px; flex-wrap:wrap; align-items:baseline; min-width:0; }
.sc-send { display:grid; grid-template-columns:minmax(0,1fr) 165px 150px auto; gap:10px; align-items:center; }
.sc-alarm { border:2px solid var(--warn); }
.sc-row .sc-soft { min-width:3.6em; }
.sc-mono { font-family:ui-monospace,"DejaVu Sans Mono",monospace; font-size:.84rem; overflow-wrap:anywhere; }
.sc-empty { color:var(--soft); padding:18px 0; text-align:center; }
@media (max-width:900px) { .sc-page { grid-template-columns:minmax(0,1fr); padding:12px; gap:12px; }
  .sc-stats { grid-template-columns:repeat(2,minmax(0,1fr)); } .sc-send { grid-template-columns:1fr 1fr; }
  .sc-send > :first-child { grid-column:1 / -1; } }
"""

# Lines of plots: told apart by people who see colours otherwise, on light and dark ground.
LINES = ("#0f9d8c", "#e07b39", "#7c5cff", "#d6336c", "#3b82f6", "#a3a30d", "#8d6e63", "#5c7080")
