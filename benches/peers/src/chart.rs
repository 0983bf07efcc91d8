//! A bar chart as SVG: no library, a few rectangles.

/// Bars from the shortest to the longest; the first of `values` is ours and stands out.
pub fn bars(title: &str, unit: &str, values: &[(&str, f64)]) -> String {
    const LINE: usize = 30;
    const LEFT: f64 = 180.0;
    const WIDTH: f64 = 480.0;
    let ours = values.first().map_or("", |(name, _)| name);
    let mut sorted = values.to_vec();
    sorted.sort_by(|a, b| a.1.total_cmp(&b.1));
    let longest = sorted.last().map_or(1.0, |(_, value)| *value);
    let height = 50 + LINE * sorted.len() + 10;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 760 {height}\" width=\"760\" height=\"{height}\" \
         font-family=\"system-ui, sans-serif\" font-size=\"14\">\n\
         <rect width=\"760\" height=\"{height}\" fill=\"#fff\"/>\n\
         <text x=\"16\" y=\"28\" font-weight=\"600\" fill=\"#1b1f24\">{title} ({unit}; shorter is better)</text>\n"
    );
    for (line, (name, value)) in sorted.iter().enumerate() {
        let top = 50 + line * LINE;
        let width = (WIDTH * value / longest).max(1.0);
        let colour = if *name == ours { "#0b6e4f" } else { "#9aa5b1" };
        svg.push_str(&format!(
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\" fill=\"#1b1f24\">{name}</text>\
             <rect x=\"{LEFT}\" y=\"{top}\" width=\"{width:.1}\" height=\"20\" rx=\"2\" fill=\"{colour}\"/>\
             <text x=\"{:.1}\" y=\"{}\" fill=\"#1b1f24\">{value:.0}</text>\n",
            LEFT - 8.0,
            top + 15,
            LEFT + width + 6.0,
            top + 15,
        ));
    }
    svg.push_str("</svg>\n");
    svg
}
