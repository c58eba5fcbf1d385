"""The main job: log in, upload two scans 44 hours apart, follow the analysis, look, and see the flag."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import REPOSITORY, Site, log_in
from tests.samples import START, dicom_folder

JOB_MS = 240_000
AXE = REPOSITORY / "frontend" / "node_modules" / "axe-core" / "axe.min.js"


def send(page: Page, files: list[Path]) -> None:
    page.get_by_role("link", name="Upload", exact=True).click()
    page.set_input_files("#pick-files", files)
    page.get_by_role("button", name="Send").click()


def send_and_wait(page: Page, folder: Path, *, hours: float, infected_ml: float) -> None:
    identity = {"seed": 3, "mrn": "E2E-1", "name": "Growing^Gail"}
    send(page, dicom_folder(folder, **identity, hours=hours, infected_ml=infected_ml, size=256, slices=72))
    expect(page.locator(".result-card .job-state")).to_have_text("Done", timeout=JOB_MS)


@pytest.fixture(scope="module")
def uploaded(browsers: dict[str, Browser], site: Site, tmp_path_factory) -> str:
    """Both scans sent through the page; the address of the patient's timeline."""
    page = log_in(browsers["webgl"], site)
    send_and_wait(page, tmp_path_factory.mktemp("first"), hours=0, infected_ml=120)
    send_and_wait(page, tmp_path_factory.mktemp("second"), hours=44, infected_ml=300)
    page.get_by_role("link", name="Patient's timeline").click()
    expect(page.get_by_role("heading", name="Growing, Gail")).to_be_visible()
    page.context.close()
    return page.url


def test_the_timeline_flags_growth_in_one_sentence(page: Page, uploaded: str) -> None:
    page.goto(uploaded)
    banner = page.locator("section[data-flag]")
    expect(banner).to_have_attribute("data-flag", "rapid-growth")
    expect(banner.locator(".banner-sentence")).to_have_text(
        re.compile(r"Infected volume rose from \d+ ml to \d+ ml \(\+\d+%\) in 44 h\.")
    )
    expect(page.locator("[data-chart]")).to_have_attribute("data-ready", "infected")
    page.get_by_role("button", name="PoIR").click()
    expect(page.locator("[data-chart]")).to_have_attribute("data-ready", "poi")


def test_the_worklist_puts_the_flagged_patient_on_top(page: Page, uploaded: str) -> None:
    page.goto(page.url)
    first = page.locator("table.worklist tbody tr").first
    expect(first).to_have_attribute("data-flag", "rapid-growth")
    expect(first).to_contain_text("Growing, Gail")


def test_a_prior_beside_the_scan_shows_what_is_new(browsers: dict[str, Browser], site: Site, uploaded: str) -> None:
    page = log_in(browsers["webgl"], site)
    page.goto(uploaded)
    page.get_by_role("link", name="Open the later scan").click()
    page.get_by_text("Compare with an earlier scan").click()
    other = page.locator(".compare-choice a").first.get_attribute("href")
    page.goto(uploaded)
    page.get_by_role("link", name="Compare the two").click()
    expect(page).to_have_url(re.compile(re.escape(other or "?")))
    expect(page.locator("[data-compare]")).to_have_attribute("data-ready", "good", timeout=JOB_MS)
    expect(page.locator('[data-growth="new"]')).to_have_text(re.compile(r"\d+ ml"))
    expect(page.locator("[data-prior-position]")).to_have_text(re.compile(r"\d+ / 72"))
    with page.expect_download() as download:
        page.get_by_role("link", name="Report (PDF)").click()
    assert download.value.suggested_filename.endswith("report.pdf")
    page.context.close()


def test_a_painted_correction_becomes_a_revision_with_its_own_volume(
    browsers: dict[str, Browser], site: Site, uploaded: str
) -> None:
    page = log_in(browsers["webgl"], site, "radiologist")
    page.goto(uploaded)
    page.get_by_role("link", name="Open the later scan").click()
    expect(page.locator("[data-picture]")).to_have_attribute("data-ready", "masks", timeout=30_000)
    consolidation = page.locator(".layer", has=page.locator('[data-layer="consolidation"]')).locator(".num")
    before = consolidation.text_content() or ""
    lung = page.locator(".headline div", has_text="Lung").locator("dd")
    lung_before = lung.text_content() or ""
    page.get_by_text("Correct the masks").click()
    page.locator('[name=brush][value="2"]').check()
    box = page.locator("[data-picture]").bounding_box()
    assert box is not None
    x, y = box["x"] + 0.38 * box["width"], box["y"] + 0.45 * box["height"]
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 40, y + 30, steps=6)
    page.mouse.up()
    interpolate = page.get_by_role("button", name="Interpolate")
    expect(interpolate).to_be_disabled()
    for _ in range(3):
        page.keyboard.press("ArrowDown")
    page.mouse.move(x + 10, y)
    page.mouse.down()
    page.mouse.move(x + 50, y + 30, steps=6)
    page.mouse.up()
    interpolate.click()
    expect(interpolate).to_be_disabled()
    page.get_by_label("Fill what a click encloses").check()
    page.mouse.click(x + 10, y + 60)
    page.get_by_role("button", name="Undo").click()
    page.get_by_label("Fill what a click encloses").uncheck()
    page.get_by_label("No lung").check()
    expect(page.locator("[data-edit-status]")).to_contain_text("lobes follow when you save")
    # Much more than the painted infection adds to the lung.
    page.get_by_label("Size of the brush").fill("25")
    page.mouse.move(x - 40, y)
    page.mouse.down()
    page.mouse.move(x - 40, y + 40, steps=6)
    page.mouse.up()
    undo = page.get_by_role("button", name="Undo")
    undo.click()
    page.get_by_role("button", name="Redo").click()
    page.locator("[data-edit] [name=reason]").fill("A patch was missed")
    page.get_by_role("button", name="Save as a new revision").click()
    expect(page.get_by_text("A patch was missed")).to_be_visible(timeout=30_000)
    expect(page.get_by_role("link", name="Revision 2")).to_be_visible()
    expect(consolidation).not_to_have_text(before)
    expect(lung).not_to_have_text(lung_before)
    page.context.close()


@pytest.mark.parametrize("graphics", ["webgl", "no-webgl"])
def test_the_viewer_shows_slices_with_masks(
    browsers: dict[str, Browser], site: Site, uploaded: str, graphics: str
) -> None:
    page = log_in(browsers[graphics], site)
    faults: list[str] = []
    page.on("pageerror", lambda fault: faults.append(str(fault)))
    page.goto(uploaded)
    page.get_by_role("link", name="Open the later scan").click()
    expect(page.locator("[data-picture]")).to_have_attribute("data-ready", "masks", timeout=30_000)
    painted = page.evaluate(
        """() => {
          const canvas = document.querySelector("[data-masks]");
          const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
          let count = 0;
          for (let i = 3; i < pixels.length; i += 4) if (pixels[i] > 0) count++;
          return count;
        }"""
    )
    assert painted > 500
    before = page.locator("[data-position]").text_content()
    page.keyboard.press("ArrowDown")
    expect(page.locator("[data-position]")).not_to_have_text(before or "")
    page.keyboard.press("2")
    expect(page.locator("[data-window]")).to_have_text("W 400 L 40")
    expect(page).to_have_url(re.compile(r"ww=400&wl=40"))
    page.keyboard.press("m")
    expect(page.locator('[data-layer="consolidation"]')).not_to_be_checked()
    assert faults == []
    page.context.close()


def test_another_pipeline_gives_a_revision_and_networks_explain_themselves(page: Page, uploaded: str) -> None:
    page.goto(uploaded)
    page.get_by_role("link", name="Open the later scan").click()
    expect(page.locator("[data-picture]")).to_have_attribute("data-ready", "masks", timeout=30_000)
    page.keyboard.press("x")
    picture = page.locator("[data-explanation] img")
    expect(picture).to_be_visible()
    page.wait_for_function("document.querySelector('[data-explanation] img').naturalWidth > 800")
    page.keyboard.press("Escape")
    expect(picture).not_to_be_visible()
    page.get_by_text("Analyse with another pipeline").click()
    page.get_by_label("Pipeline").select_option("hu-baseline")
    page.get_by_role("button", name="Analyse", exact=True).click()
    revisions = page.get_by_role("navigation", name="Revisions of the masks")
    expect(revisions).to_contain_text("hu-baseline", timeout=JOB_MS)
    current = revisions.locator("li", has=page.locator("[aria-current=true]"))
    expect(current).not_to_contain_text("hu-baseline")
    revisions.locator("li", has_text="hu-baseline").get_by_role("link", name="side by side").click()
    expect(page.locator("[data-agreement]")).to_contain_text("agree by Dice", timeout=30_000)
    expect(page.get_by_role("table", name="Side by side")).to_contain_text("hu-baseline")
    page.get_by_role("link", name="Close the second picture").click()
    expect(page.locator("[data-beside]")).to_have_count(0)


@pytest.mark.parametrize("graphics", ["webgl", "no-webgl"])
def test_planes_cross_where_one_clicks_and_slices_are_measured(
    browsers: dict[str, Browser], site: Site, uploaded: str, graphics: str
) -> None:
    page = log_in(browsers[graphics], site)
    page.goto(uploaded)
    page.get_by_role("link", name="Open the later scan").click()
    expect(page.locator("[data-picture]")).to_have_attribute("data-ready", "masks", timeout=30_000)
    page.keyboard.press("p")
    planes = page.locator("[data-planes]")
    expect(planes).to_have_attribute("data-drawn", re.compile(r"\d+ 128 128"))
    picture = page.locator("[data-picture]").bounding_box()
    assert picture
    page.mouse.click(picture["x"] + 0.4 * picture["width"], picture["y"] + 0.4 * picture["height"])
    expect(planes).not_to_have_attribute("data-drawn", re.compile(r"\d+ 128 128"))
    expect(page).to_have_url(re.compile(r"planes=\d+\.\d+"))
    before = page.locator("[data-position]").text_content()
    page.get_by_label("Coronal plane").click(position={"x": 100, "y": 60})
    expect(page.locator("[data-position]")).not_to_have_text(before or "")
    drawn = planes.get_attribute("data-drawn") or ""
    _, row, column = drawn.split()
    expect(page).to_have_url(re.compile(rf"planes={row}\.{column}$"))
    page.reload()
    expect(page.locator("[data-planes]")).to_have_attribute("data-drawn", drawn, timeout=30_000)
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Shift+ArrowLeft")
    moved = rf"\d+ {int(row) + 5} {int(column) - 5}$"
    expect(page.locator("[data-planes]")).to_have_attribute("data-drawn", re.compile(moved))
    marks = page.locator("[data-marks]")
    for key, text in (("t", r"Ruler, slice \d+: [\d.]+ mm"), ("o", r"Region, slice \d+: −?\d+ ± \d+ HU")):
        page.keyboard.press(key)
        page.mouse.move(picture["x"] + 150, picture["y"] + 200)
        page.mouse.down()
        page.mouse.move(picture["x"] + 220, picture["y"] + 260, steps=3)
        page.mouse.up()
        expect(marks).to_contain_text(re.compile(text))
    page.keyboard.press("Backspace")
    expect(marks.get_by_role("listitem")).to_have_count(1)
    page.keyboard.press("k")
    now = page.locator("[data-position]").text_content()
    expect(page.locator("[data-position]")).not_to_have_text(now or "")
    page.keyboard.press("k")
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    page.keyboard.press("v")
    space = page.get_by_role("dialog", name="Lungs and infection in space")
    if graphics == "webgl":
        drawn = space.locator("[data-space-picture]")
        expect(drawn).to_have_attribute("data-triangles", re.compile(r"lung \d{4,}"))
        expect(drawn).to_have_attribute("data-drawn", re.compile(r"consolidation 1, ground-glass 1, lung 0\.1"))
        space.get_by_label("Opacity of Ground-glass").fill("0")
        expect(drawn).to_have_attribute("data-drawn", "consolidation 1, lung 0.1")
    else:
        expect(space).to_contain_text("cannot draw in space")
    space.get_by_role("button", name="Close").click()
    page.context.close()


def test_a_radiologist_signs_the_report(browsers: dict[str, Browser], site: Site, uploaded: str) -> None:
    page = log_in(browsers["webgl"], site, "radiologist")
    page.goto(uploaded)
    page.get_by_role("link", name="Open the earlier scan").click()
    pdf = page.request.get(site.address + (page.get_by_role("link", name="Report (PDF)").get_attribute("href") or ""))
    assert pdf.body().startswith(b"%PDF-")
    page.get_by_role("link", name="Text and signature").click()
    expect(page.get_by_label("Text for the hospital's report")).to_have_value(
        re.compile("Infected volume .* of .* lung")
    )
    page.get_by_role("button", name="Sign", exact=True).click()
    expect(page.get_by_text("The report is signed.")).to_be_visible()
    expect(page.get_by_role("listitem").filter(has_text=re.compile(r"Signed by radiologist, .*\.$"))).to_be_visible()
    page.context.close()


def test_every_page_is_there_in_german(browsers: dict[str, Browser], site: Site, uploaded: str) -> None:
    page = log_in(browsers["webgl"], site)
    page.get_by_role("button", name="Deutsch").click()
    expect(page.get_by_role("heading", name="Arbeitsliste")).to_be_visible()
    page.goto(uploaded)
    expect(page.locator(".banner-sentence")).to_contain_text("Das infizierte Volumen ist gestiegen: von")
    expect(page.locator("[data-chart]")).to_contain_text(re.compile("Infiziertes Volumen"))
    expect(page.locator("[data-chart] .xaxislayer-above")).to_contain_text(re.compile(r"\d+\. (Jan|Feb|März|Mär)"))
    page.get_by_role("link", name="Die spätere Aufnahme öffnen").click()
    expect(page.locator("[data-picture]")).to_have_attribute("data-ready", "masks", timeout=30_000)
    page.keyboard.press("k")
    expect(page.get_by_role("button", name="Anhalten")).to_be_visible()
    page.keyboard.press("k")
    page.goto(uploaded)
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("link", name="Open the later scan")).to_be_visible()
    page.context.close()


def test_the_ward_shows_each_patient_as_a_tile(page: Page, uploaded: str) -> None:
    page.get_by_role("link", name="Ward", exact=True).click()
    tile = page.get_by_role("link", name=re.compile("Growing, Gail"))
    expect(tile).to_contain_text("in 44 h")
    tile.click()
    expect(page.get_by_role("heading", name="Growing, Gail")).to_be_visible()


def test_acknowledging_closes_the_flag_and_keeps_it_in_the_history(page: Page, uploaded: str) -> None:
    page.goto(uploaded)
    page.fill("#reason", "Seen, ward informed")
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.locator("section[data-flag]")).to_have_count(0)
    expect(page.get_by_text("Seen, ward informed")).to_be_visible()


def test_what_is_no_scan_gets_one_clear_sentence(page: Page, tmp_path: Path) -> None:
    note = tmp_path / "letter.txt"
    note.write_text("Dear colleague, ...\n")
    send(page, [note])
    expect(page.locator("[data-result]")).to_contain_text("letter.txt is a text file, not a CT image")


def test_the_page_sends_what_is_missing_after_a_broken_connection(page: Page, tmp_path: Path) -> None:
    broken = iter([True, True])
    page.route("**/files/", lambda route: route.abort() if next(broken, False) else route.continue_())
    files = dicom_folder(tmp_path, seed=4, mrn="E2E-2", name="Broken^Line", hours=0, infected_ml=50)
    send(page, files)
    expect(page.locator(".result-card h3")).to_contain_text(str(START.year), timeout=60_000)


def address_of(path: str, page: Page, site: Site, patient: str) -> str:
    """Addresses of the patient who was uploaded, and of the first scan on that page; others as they are."""
    if path.startswith("patient"):
        return patient.rstrip("/") + path.removeprefix("patient")
    if path.startswith("scan"):
        page.goto(patient)
        scan = page.locator("a[href^='/scans/']").first.get_attribute("href") or ""
        return f"{site.address}{scan.rstrip('/')}{path.removeprefix('scan')}"
    return f"{site.address}{path}"


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed; run npm ci in frontend")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "path",
    [
        *("/", "/ward/", "/upload/", "/help/", "/models/", "/accounts/login/", "/accounts/2fa/"),
        *("patient", "patient/priors/", "scan", "scan/report/", "scan/deliveries/"),
    ],
)
def test_pages_are_accessible(browsers: dict[str, Browser], site: Site, uploaded: str, path: str, scheme: str) -> None:
    page = log_in(browsers["webgl"], site)
    page.emulate_media(color_scheme=scheme)
    # A page reloads when a job ends, and jobs of other tests may still run: no live news here.
    page.route_web_socket("**/ws/jobs/", lambda socket: None)
    if path == "/accounts/login/":
        page.get_by_role("button", name="Log out").click()
    else:
        page.goto(address_of(path, page, site, uploaded))
    page.wait_for_load_state("networkidle")
    # Our policy forbids injected scripts, and rightly: the browser's own console runs this one.
    page.evaluate(AXE.read_text())
    report = page.evaluate("axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa']})")
    found = [f"{v['id']}: {v['nodes'][0]['html'][:120]}" for v in report["violations"]]
    assert found == []
    page.context.close()
