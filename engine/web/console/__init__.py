"""The pages that one signs in to: the duty desk's console, and forms of others who have a user.

How a further page is added, in this order (copy `web.console.situation`):

1. A module here with a `router = pages()` (`console.route`): its refusals and errors become pages. Each route takes a
   `visit: Visit = visitor("read")`: who is not signed in is sent to the sign-in, who lacks the right gets a 403 page,
   and a POST whose form does not send back the session's token is refused before the route runs. `visit.scope` says in
   which region; `cover(visit.scope, region, right)` of `web.auth` refuses what lies outside. `visit.form` is the form.
2. The router in the list of `console.routers`; for the navigation a line in `NAVIGATION` of `console.shell`.
3. `templates/console/NAME.html.j2`, which extends `console/base.html.j2`; forms begin with `{{ form_token() }}`. No
   `style=` or `<script>` in it: the policy of the pages forbids both. What should follow what happens without a reload
   has an `id` and `data-live` (`templates/console/console.js`).
4. `templates/console/texts/NAME.yaml`: every text of it in Indonesian and English, keys beginning `console.NAME.`.
5. A line in `tests/browser/pages.py`, so that it is looked at in both widths and by axe, and its routes in
   `tests/acceptance/web`.

A POST that did its work answers `visit.back(path, said="key")`: 303 to a page that says `console.said.key` on top.
Not here: any decision.
"""
