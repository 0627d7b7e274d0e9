/** Tables 3 and 4 of pix2gestalt (Ozguroglu et al., CVPR 2024): 60 samples of Google Scanned Objects. CD and IoU as in SyncDreamer's scripts. */
export const PUBLISHED = [
  { label: 'SyncDreamer on the occluded picture', chamfer: 0.0884, iou: 0.2741, psnr: 11.914, ssim: 0.6808 },
  { label: 'SAM mask + SyncDreamer', chamfer: 0.1182, iou: 0.0926, psnr: 12.432, ssim: 0.7248 },
  { label: 'true visible mask + SyncDreamer', chamfer: 0.1084, iou: 0.1027, psnr: 12.561, ssim: 0.7322 },
  { label: 'pix2gestalt (SAM mask) + SyncDreamer', chamfer: 0.0784, iou: 0.3312, psnr: 13.868, ssim: 0.7211 },
  { label: 'pix2gestalt (true visible mask) + SyncDreamer', chamfer: 0.0681, iou: 0.3639, psnr: 14.657, ssim: 0.7328 },
] as const;
