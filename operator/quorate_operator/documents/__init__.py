"""What is written from the models and from the chart: pages, the chart's own parts, and the manifest without Helm."""
