"""The web views: JSON on every worker, served by Faust's own web server."""
