"""The pages that one signs in to, one module per page. Start with `routes` and `page_renderer`."""
