"""How each part of `docs/evaluation.md` was measured, in the words that stand there."""

PROTOCOL = """\
# How well the pipelines measure

`python -m inference report` writes this page from the files in `inference/evaluation/results/`.

Patients are split, never slices; a patient who appears in two data sets is on one side only. Networks saw none of the
test patients, and checkpoints and thresholds were chosen without them, with these exceptions. The density above which a
voxel at the lung's border must be certain (-300 HU) was first tried on test patients too; on the validation patients
alone (E, coronacases_05) it is the best of six values as well. The threshold of averaged25d was the best on the other
patients of four folds of a cross-validation, but was sought there after another one had failed on test patients. That
dense infection was left out of the lungs was seen on two test patients (I, coronacases_07); the rule that lets it join
them (docs/decisions/0022) was not fitted to them. The weights of unet25d replaced others that had been measured on test
patients (docs/decisions/0021); on the validation patients they are the better ones as well. What lungtrend, averaged25d
and unet25d reach here is a little too kind for that. The papers' figures are on the papers' own data (Wu et al.: 129
scans, 21 of them for testing) and stand beside ours for orientation, not for ranking.

Two of the test cases are CT in Hounsfield units (MedSeg). The others are contrast-equalised grey stacks of the
COVID-19-CT-Seg set, which hold only slices with infection; a network that sees the picture alone put them back on
Hounsfield units, roughly (see below). Figures on the HU cases alone are given apart. Neither set states the size of a
pixel, so distances in mm rest on a nominal one. Most systems were trained on two CPU cores, far shorter and some of
them narrower than in their papers; each model card says how.
"""
RESTORATION_PROTOCOL = """\
## Grey stacks back on Hounsfield units

MedSeg's volumes hold the slices of six stacks, so that their HU are known, as far as MedSeg's could be recovered from
8-bit pictures. The network that restores the stacks (`inference/training/restoration.py`) learnt from the single lung
slices, P001, normal001 and phantoms; none of these patients was among them. Its HU beside the known ones, over all
pixels of the reference masks:
"""
READERS_PROTOCOL = """\
## How far two readers agree

Readers of MedSeg and others of COVID-19-CT-Seg marked the same slices of five patients. Here MedSeg's masks are judged
by the others as a pipeline would be (`inference/evaluation/readers.py`; slices are matched by their likeness). A
pipeline that learnt from both can hardly agree with one reader more than another reader does: the figures above beside
these tell how much room is left. Pearson's r rests on stacks from 2 to 61 % infected; over a narrower range it is less.
Below, on the same slices of the test patients among them, what the default pipeline finds in the MedSeg volumes is
judged by either reader. Distances rest on a nominal spacing.
"""
SIRM_PROTOCOL = """\
### Five-fold cross-validation on the SIRM slices

100 lung-masked slices, about 70 % for training, 10 % to choose the checkpoint and 20 % for testing in each fold, every
slice tested once. Dice is counted on the slices' own grid, over the pixels of all slices together (pooled) and as the
mean of slices. The set names no patients, so slices of one patient may lie in training and testing, as in the paper.
C1 ground-glass, C2 consolidation, C3 pleural effusion. Networks named binary learnt only whether a pixel shows any of
them, as Saood and Hatem's binary ones did; binary Dice of the others is that of their kinds together. Beside
unet-kinds and pretrained-kinds other sets trained, among them MedSeg; beside unet-kinds before its kinds were mended
(docs/decisions/0021).
"""
MA_PROTOCOL = """\
### Five-fold cross-validation by patient on the Ma cases

Every patient of the COVID-19-CT-Seg stacks and of MedSeg is tested once by a network that saw neither him nor, in
training, a slice of his other scans. Dice within the box around the lungs, at a threshold of 0.5 or, where the
configuration says so, at the one that is best on each fold's validation patients. Three stacks (medseg-6,
radiopaedia_D1 and D2) show 17 to 39 infected pixels. PoIR rests on the reference lungs; its mAPE counts stacks with a
true PoIR of 1 % and more.
"""
LOBE_PROTOCOL = """\
Synthetic CT around lobe maps of people who trained none of the methods (`inference/training/synthetic_ct.py`), on a
grid of about 2 mm, within the maps' own lungs. The paper's figures are on real CT of COVID-19 patients.
"""
EFFUSION_PROTOCOL = """\
## Pleural effusion

No set at hand marks effusion in slices whose surroundings are shown. So fluid is laid into the CT of the test patients
(`inference/training/effusions.py`), and phantoms carry some; the default pipeline finds lungs and fluid. Millilitres of
the grey stacks rest on a nominal spacing. How well real effusions are found was not measured. Infection is what was
found in the same scan: fluid, and the lung that it compresses, should add none. Phantoms carry 60 ml of it.
"""
