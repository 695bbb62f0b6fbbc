/// The style sheet of HTML reports: dark text on white, one column, two on wide pages, clean in print.
enum ReportStyle {
  static let css = """
    :root { color-scheme: light; --ink: #1d2125; --soft: #5a6168; --line: #dfe3e7; --wash: #f4f5f7; }
    * { box-sizing: border-box; }
    body { margin: 0; background: #fff; color: var(--ink); -webkit-text-size-adjust: 100%;
      font: 16px/1.5 system-ui, "Segoe UI", Helvetica, Arial, sans-serif; font-variant-numeric: tabular-nums; }
    main { max-width: 1064px; margin: 0 auto; padding: 40px 32px 64px; }
    header { margin-bottom: 8px; }
    .kicker { margin: 0; color: var(--soft); font-size: 14px; }
    h1 { margin: 2px 0 10px; font-size: 32px; line-height: 1.2; font-weight: 650; overflow-wrap: anywhere; }
    h2 { margin: 0 0 14px; font-size: 20px; line-height: 1.3; font-weight: 650; }
    h3 { margin: 0 0 8px; font-size: 15px; line-height: 1.35; font-weight: 600; overflow-wrap: anywhere; }
    p { margin: 0 0 14px; max-width: 76ch; }
    .lead { font-size: 17px; }
    section { margin-top: 36px; padding-top: 26px; border-top: 1px solid var(--line); }
    figure { margin: 0; min-width: 0; break-inside: avoid; }
    figcaption { margin-top: 6px; color: var(--soft); font-size: 14px; line-height: 1.4; }
    img { display: block; width: 100%; height: auto; max-height: 640px; object-fit: contain;
      object-position: left top; background: var(--wash); }
    img.pixels { image-rendering: pixelated; }
    svg { display: block; width: 100%; height: auto; }
    .narrow { display: none; }
    .pair { display: grid; grid-template-columns: 1fr 1fr; gap: 28px; }
    .stack { display: grid; gap: 20px; }
    .charts { display: grid; grid-template-columns: 1fr 1fr; gap: 24px 28px; }
    .maps { display: grid; margin-bottom: -20px; grid-template-columns: repeat(auto-fill, minmax(224px, 1fr)); gap: 0 24px; }
    .maps figure { display: grid; grid-row: span 4; grid-template-rows: subgrid; margin-bottom: 26px; }
    .maps h3 { align-self: end; }
    .legend { display: flex; flex-wrap: wrap; gap: 4px 22px; margin: 16px 0 0; padding: 0; list-style: none; }
    .swatch { display: inline-block; width: 13px; height: 13px; margin-right: 8px; vertical-align: -1px; flex: none; }
    .bar { display: grid; grid-template-columns: 1fr 1fr 1fr; margin-top: 8px; font-size: 13px; line-height: 1.3;
      color: var(--soft); }
    .bar svg { grid-column: 1 / -1; height: 10px; margin-bottom: 3px; }
    .bar span:nth-of-type(2) { text-align: center; }
    .bar span:nth-of-type(3) { text-align: right; }
    .facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(190px, 1fr)); gap: 12px 24px;
      margin: 22px 0 0; }
    .facts dt { color: var(--soft); font-size: 13px; }
    .facts dd { margin: 0; overflow-wrap: anywhere; }
    .figures dd { font-size: 24px; font-weight: 650; line-height: 1.25; }
    .figures small { display: block; font-size: 13px; font-weight: 400; color: var(--soft); }
    .pair + .pair, .stack + .stack, .narrow + .charts, .legend + .pair, .legend + .stack { margin-top: 24px; }
    .note { margin-top: 12px; color: var(--soft); font-size: 14px; }
    .list { margin: 0 0 14px; font-size: 15px; }
    .list div { display: grid; grid-template-columns: 170px 1fr; gap: 16px; padding: 5px 0;
      border-bottom: 1px solid var(--line); }
    .list dt { color: var(--soft); overflow-wrap: anywhere; }
    .list dd { margin: 0; overflow-wrap: anywhere; }
    .scroll { overflow-x: auto; margin-top: 18px; background:
      linear-gradient(to right, #fff 40%, #fff0) 0 0 / 48px 100% no-repeat local,
      linear-gradient(to left, #fff 40%, #fff0) 100% 0 / 48px 100% no-repeat local,
      linear-gradient(to right, #1d212538, #1d212500) 0 0 / 14px 100% no-repeat scroll,
      linear-gradient(to left, #1d212538, #1d212500) 100% 0 / 14px 100% no-repeat scroll; }
    table { border-collapse: collapse; width: 100%; font-size: 14.5px; }
    th, td { padding: 7px 16px 7px 0; border-bottom: 1px solid var(--line); text-align: left; font-weight: 400;
      vertical-align: baseline; }
    thead th { color: var(--soft); font-size: 13px; white-space: nowrap; vertical-align: bottom; }
    tbody th { white-space: nowrap; }
    .n { text-align: right; white-space: nowrap; }
    tr > :last-child { padding-right: 0; }
    code, pre { font: 14px/1.5 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
    pre { margin: 0 0 16px; padding: 12px 14px; background: var(--wash); white-space: pre-wrap;
      overflow-wrap: anywhere; }
    section h3 + .list { margin-top: 0; }
    .list + h3 { margin-top: 22px; }
    .items { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(300px, 100%), 1fr)); gap: 20px 24px;
      align-items: start; }
    .item { min-width: 0; padding: 14px 16px; border: 1px solid var(--line); break-inside: avoid; }
    .item .note { margin: 0 0 10px; }
    .item .list { margin: 10px 0 0; font-size: 14px; }
    .item .list div { grid-template-columns: minmax(96px, 45%) 1fr; gap: 12px; }
    .thumbs { display: grid; grid-template-columns: 1fr 1fr; gap: 10px; }
    .thumbs img { max-height: 200px; }
    .links { margin: 12px 0 0; font-size: 14px; }
    .links a { margin-right: 14px; color: #005b96; }
    .warnings { padding: 16px 20px 6px; border: 0; border-left: 4px solid #d98c00; background: #fdf5e3; }
    .warnings h2 { font-size: 16px; margin-bottom: 6px; }
    .warnings ul { margin: 0 0 10px; padding-left: 20px; }
    .warnings code { color: var(--soft); font-size: 13px; white-space: nowrap; }
    @media (max-width: 640px) {
      main { padding: 22px 16px 40px; }
      h1 { font-size: 25px; }
      section { margin-top: 26px; padding-top: 20px; }
      .pair, .charts { grid-template-columns: 1fr; }
      .maps { grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); gap: 0 16px; }
      .facts { grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); }
      .list div { grid-template-columns: minmax(96px, 30%) 1fr; gap: 12px; }
      .wide { display: none; }
      .narrow { display: block; }
    }
    @media print {
      @page { margin: 14mm; }
      main { max-width: none; padding: 0; }
      body { font-size: 9.5pt; }
      h1 { font-size: 19pt; }
      h2 { font-size: 13pt; margin-bottom: 8pt; break-after: avoid; }
      h3 { font-size: 10pt; }
      .lead { font-size: 10.5pt; }
      figcaption, .bar, .list { font-size: 8.5pt; }
      section { margin-top: 14pt; padding-top: 10pt; }
      .wide, .list div, tr { break-inside: avoid; }
      .scroll { overflow: visible; }
      table { font-size: 8pt; }
      th, td { padding-right: 7pt; }
      .n, thead th, tbody th { white-space: normal; }
      .maps { grid-template-columns: repeat(4, 1fr); }
      .warnings, img, pre { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
      img { max-height: 100mm; }
    }
    """
}
