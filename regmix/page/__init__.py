"""Parts of HTML pages: their frame and style, and small drawings in SVG."""
